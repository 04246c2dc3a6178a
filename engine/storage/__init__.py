"""Where state lies: files by key, on this machine or in a bucket. Nothing here knows what a checkpoint means."""
