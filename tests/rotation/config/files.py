"""A configuration that is right, to be made wrong."""

from collections.abc import Callable

from rotation.config import Configuration, Finding

HEAD = """\
installation: 0f3a9c2b71de
connections:
  aws-prod: {type: aws, account: "111122223333", region: eu-west-1}
"""

SECRET = """\
  - id: billing-iam
    application: billing
    environment: production
    owner: team-payments
    store: {type: aws-secrets-manager, connection: aws-prod, name: prod/billing/aws}
    issuer: {type: aws-iam-access-key, connection: aws-prod, user: billing}
    probe: {type: aws-sts, connection: aws-prod}
    consumers:
      - {id: billing-api, type: store-reader, refresh: 5m, accept_elapsed: true}
"""

VALID = f"{HEAD}secrets:\n{SECRET}"

Load = Callable[..., Configuration]
Find = Callable[..., list[Finding]]
