"""The tabs of the page, one file each, and the parts that they share."""
