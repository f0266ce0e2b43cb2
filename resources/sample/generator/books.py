"""The three catalogs of the sample. Every school, person and price in them is invented."""

from ashgrove import ASHGROVE
from linden import LINDEN
from merrivale import MERRIVALE

BOOKS = (ASHGROVE, MERRIVALE, LINDEN)
