"""TIFF: read within limits from its own words, and written as those of ImageJ and OME are."""
