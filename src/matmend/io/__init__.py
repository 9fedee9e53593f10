"""Files in and out: pictures, masks, tables and ratings; what is written is written whole or not at all."""

from matmend.io.atomic import atomic_write as atomic_write
from matmend.io.atomic import check_writable as check_writable
from matmend.io.image_masks import read_mask as read_mask
from matmend.io.image_storage import Storage as Storage
from matmend.io.image_storage import is_lossy as is_lossy
from matmend.io.images import Picture as Picture
from matmend.io.images import check_target as check_target
from matmend.io.images import read_picture as read_picture
from matmend.io.images import with_gaps as with_gaps
from matmend.io.images import write_picture as write_picture
from matmend.io.kinds import Kind as Kind
from matmend.io.kinds import tell_kind as tell_kind
from matmend.io.matrices import read_matrix as read_matrix
from matmend.io.matrices import read_table as read_table
from matmend.io.matrix_writing import check_matrix_target as check_matrix_target
from matmend.io.matrix_writing import write_matrix as write_matrix
from matmend.io.pairs import Pairs as Pairs
from matmend.io.pairs import open_pairs as open_pairs
from matmend.io.ratings import Ratings as Ratings
from matmend.io.ratings import read_ratings as read_ratings
from matmend.io.table_writing import check_table_target as check_table_target
from matmend.io.table_writing import table_writer as table_writer
from matmend.io.tables import Table as Table
from matmend.io.tables import TableStorage as TableStorage
