"""A trail that is there already, looked at before anything is declared that would rely on it."""

from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws_begun import session_of
from infra.aws_stores import Surroundings
from infra.settings import refused
from providers.aws.arns import region_of
from providers.aws.options import ConnectionOptions
from providers.aws.trails import LOOKS, MENDED, Trail
from providers.aws.wire import proxies


def assert_heard(context: Surroundings) -> None:
    """With the credentials of the provider, which has no such look."""
    options: ConnectionOptions = context.scope.options
    if options.alarm_trail is None:
        return
    try:
        client = _client(options, region_of(options.alarm_trail))

        def ask(operation: str, **about: Any) -> Any:
            return getattr(client, operation)(**about)

        problems = list(Trail(options.alarm_trail, ask).wrong(context.logged))
    except (BotoCoreError, ClientError) as error:
        raise refused(
            f"connection {context.scope.connection}: AWS did not say what trail "
            f"{options.alarm_trail} logs: {_said(error)}; these credentials need {' and '.join(LOOKS)}"
        ) from None
    if problems:
        raise refused(
            *(f"connection {context.scope.connection}: {each}; {MENDED}" for each in problems)
        )


def _client(options: ConnectionOptions, region: str) -> Any:
    return session_of(options.profile, options.credentials_file).create_client(
        "cloudtrail",
        region_name=region,
        endpoint_url=options.endpoint,
        verify=options.ca_bundle,
        config=Config(proxies=proxies(options) or None),
    )


def _said(error: BotoCoreError | ClientError) -> str:
    if isinstance(error, ClientError):
        return f"it said {error.response['Error']['Code']}"
    return f"it gave no answer ({type(error).__name__})"
