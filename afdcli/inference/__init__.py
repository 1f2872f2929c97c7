"""From batches of views to answers, in whichever runtime."""
