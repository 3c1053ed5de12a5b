"""The explorer: the tables of one or several sweeps as one page that opens in a browser, without a network."""
