"""What an administrator's credentials file holds."""

from providers.aws.testing import ADMIN

KEYS = (
    f"[default]\naws_access_key_id={ADMIN.access_key_id}\n"
    f"aws_secret_access_key={ADMIN.secret_access_key}\n"
)
