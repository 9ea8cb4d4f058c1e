"""What a process that holds secrets is made of: files, signals, logs, deadlines, the clock."""
