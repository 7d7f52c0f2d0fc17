"""What is done with a whole index: overview, duplicates, map, evaluation, classification, exchange."""
