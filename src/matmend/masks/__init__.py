"""Missing patterns: which entries of a matrix are observed. Every mask is a bool array, True = observed."""

from matmend.masks.damage import dead_columns_mask as dead_columns_mask
from matmend.masks.damage import dust_mask as dust_mask
from matmend.masks.damage import scratch_mask as scratch_mask
from matmend.masks.damage import text_mask as text_mask
from matmend.masks.holdout import holdout_split as holdout_split
from matmend.masks.holdout import matched_holdout as matched_holdout
from matmend.masks.patterns import AIR_PATCHES as AIR_PATCHES
from matmend.masks.patterns import patch_mask as patch_mask
from matmend.masks.patterns import random_mask as random_mask
from matmend.masks.patterns import scribble_mask as scribble_mask
from matmend.masks.patterns import textural_mask as textural_mask
