"""Learning from a shop's own data: pairs, objectives, negatives, and the loop that trains networks with them."""
