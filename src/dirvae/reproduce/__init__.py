"""The paper's tables, made anew: Joo, Lee, Park & Moon, Pattern Recognition 107 (2020).

`density` and `semi_supervised` train and measure; `tables` puts the paper's numbers beside ours.
"""
