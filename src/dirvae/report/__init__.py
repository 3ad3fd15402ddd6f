"""Reports: plain results as one self-contained page; it knows no data set and trains nothing."""
