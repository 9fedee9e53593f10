"""Pictures with holes: every way to fill them, and the choice among them."""

from matmend.methods.inpainting.completing import FilledPicture as FilledPicture
from matmend.methods.inpainting.completing import complete_picture as complete_picture
from matmend.methods.inpainting.filler import Filler as Filler
