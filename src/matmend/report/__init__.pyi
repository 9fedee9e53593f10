from .charts import Chart as Chart
from .charts import Line as Line
from .contents import Grid as Grid
from .contents import Report as Report
from .contents import Section as Section
from .images import Image as Image
from .rendering import page as page
from .rendering import write as write
