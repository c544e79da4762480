# Calls the page's example as a shop would.
import sys

from shop import paid

paid(*sys.argv[1:])
