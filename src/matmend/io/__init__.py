"""Files in and out: pictures and masks, always written whole or not at all."""

from matmend.io.atomic import atomic_write as atomic_write
from matmend.io.atomic import check_writable as check_writable
from matmend.io.image_masks import read_mask as read_mask
from matmend.io.image_storage import Storage as Storage
from matmend.io.images import Picture as Picture
from matmend.io.images import check_target as check_target
from matmend.io.images import read_picture as read_picture
from matmend.io.images import write_picture as write_picture
