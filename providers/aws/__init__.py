"""Amazon Web Services: IAM access keys as an issuer, Secrets Manager as a store, STS as a probe."""
