"""What the documentation says about calls, time and memory is measured here: `make bench`."""
