"""Credentials that we make ourselves: passwords, tokens and key pairs."""
