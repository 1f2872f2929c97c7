"""Files to rows: discovery, worker processes, batches, the network, results files."""
