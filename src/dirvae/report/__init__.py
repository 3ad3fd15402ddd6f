"""Reports: results as one self-contained page, and the demo that makes one."""
