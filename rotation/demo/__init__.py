"""What every demo is made of: processes that are listened to, applications that are counted, a toy
service, the search for secret bytes, and the numbers at the end. Knows no provider."""
