"""Window-based early-exit cascades: an ensemble's uncertainty estimates at close to the price of one network.

The method is in `wee.method`, on plain arrays; everything else is behind the command `wee`.
"""

from wee.compat import repair_on_import
from wee.machine import bound_spinning

bound_spinning()
repair_on_import()
