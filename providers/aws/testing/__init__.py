"""Strict AWS: IAM, STS, Secrets Manager and CloudTrail's trails as an oracle, for tests and
demonstrations.

moto lets dead keys log in, reuses a token for other bytes and lets AWSCURRENT be removed, so a
green test on it proves little exactly where a rotator must be safe. Here moto is storage and the
rules are ours. An operation or a parameter that is not modelled is refused (`NotModelled`), never
guessed; roles, policies and the like, which have no rule here, are answered by moto itself
(`passthrough`).

Use
    with spawn_strict_aws() as aws:            # a process of its own
    with StrictAws() as strict:                # a thread of this one; aws = strict.control
        (from providers.aws.testing.server)
    python -m providers.aws.testing            # by hand; ends when its input closes

    aws.endpoint                               # for `endpoint_url`; the region is in the signature
    aws.reset()                                # a new world at the same endpoint, hook included
    aws.client("iam", credential)              # a boto3 client; without credential: ADMIN
    aws.clock.advance(60)                      # time passes for everyone; `skew` for the server
    aws.conditions.propagation(sts=10)         # news of keys, last-used, listings, copies
    aws.faults.after("iam:CreateAccessKey")    # before · after · hang · between · latency
    aws.gate.deny("kms:Decrypt")               # or a hook: `strict.authorise(evaluator)`
    aws.out_of_band.move_label("db", "AWSCURRENT", version)
    aws.oracle.accepts(key_id, secret)         # what is really so: keys, labels, values, calls, mints

Rules. Sources: B = botocore's service model · D = AWS documentation · I = issue threads ·
R = measured · T = terraform's AWS provider · A = assumed, not verified on AWS. Each line names
its test.

Signatures
    A wrong secret is refused                       I   a_wrong_secret_is_refused
    An unknown key is refused                       I   an_unknown_key_is_refused
    An inactive key is refused                      D   an_inactive_key_is_refused
    A deleted key is refused                        D   a_deleted_key_is_refused
    A date may be five minutes off                  D   a_date_more_than_five_minutes_off_is_refused
    A session needs its token                       D   a_session_needs_its_token
    A session ends                                  B   a_session_ends
    A session outlives its key                      D   a_session_outlives_the_key_that_made_it
    A user's session is not taken by IAM            B   the_session_of_a_user_is_not_taken_by_iam
    But with a second factor                        B   the_session_of_a_user_with_a_second_factor_is
    Endpoints hear of a key one by one              I   a_new_key_opens_one_endpoint_after_the_other
    A dead key lives on meanwhile                   D   a_key_dies_at_one_endpoint_after_the_other
Users and keys
    Two keys per user, inactive ones count          D   a_user_has_two_keys_and_an_inactive_one_counts
    No UserName means the caller                    B   without_a_user_name_a_key_is_made_for_the_caller
    A session must say UserName                     B   a_role_session_must_name_the_user
    A user with keys cannot be deleted              B   a_user_with_keys_cannot_be_deleted
    A list may come in short pages                  B   a_list_may_come_in_pages_smaller_than_asked
    A list may be old                               D   a_list_may_be_older_than_the_truth
    Last-used is only the latest use                B   only_the_latest_use_is_told
    Last-used has a grain                           D   a_second_use_within_the_grain_is_not_recorded
    Last-used comes late                            A   a_use_is_told_after_the_lag
    A failed attempt does not count                 A   a_refused_attempt_is_logged_and_counts_only_if_asked
Roles
    A role that is not there is denied              A   a_role_that_is_not_there_is_denied
    Fifteen minutes to the role's longest           B   a_session_lasts_from_fifteen_minutes_to_the_roles_longest
    A chained session lasts an hour at most         D   a_chained_session_lasts_an_hour_at_most
    GetCallerIdentity is never denied               B   who_am_i_is_never_denied
    A session's own policy narrows its role         D   a_session_may_do_what_its_own_policy_allows_too
    A session's policy has 2,048 characters         D   a_session_policy_that_is_too_long_is_refused
Versions
    The token is the version's id                   B   the_token_is_the_version
    Same token, same data: nothing happens          B   the_same_token_with_the_same_data_does_nothing
    Same token, other data: refused                 B   the_same_token_with_other_data_is_refused
    A token has 32 to 64 characters                 B   a_token_of_a_wrong_length_is_refused
    Without labels a put is current at once         B   without_labels_a_put_is_current_at_once
    The first version is current in any case        B   the_first_version_is_current_whatever_is_asked
    A put steals labels                             B   a_put_steals_a_label
    A value has 1 to 65,536 bytes                   B   a_value_of_a_wrong_size_is_refused
    At most twenty labels                           D   more_than_twenty_labels_are_refused
    At most a hundred versions in a day             B   a_hundred_versions_in_a_day_are_the_most
    A labelled version is never pruned              B   labelled_versions_are_never_pruned
    Id and label of a read must agree               B   id_and_label_must_agree
    An unlabelled version is readable by id         B   a_version_without_labels_is_readable_by_its_id
    UpdateSecret refuses a known token              B   update_secret_refuses_a_token_that_is_a_version
    Access is known by the day, if read             B   a_version_was_accessed_on_a_day_and_only_if_read
    Deprecated versions are listed on request       B   deprecated_versions_are_listed_on_request
Labels
    Moving AWSCURRENT moves AWSPREVIOUS             B   promotion_moves_current_and_leaves_previous_behind
    AWSPENDING stays on the promoted version        I   promotion_moves_current_and_leaves_previous_behind
    The holder must be named                        B   the_holder_must_be_named
    A wrong holder is refused                       B   a_wrong_holder_is_refused
    AWSCURRENT cannot be removed                    T   current_cannot_be_removed
    AWSPREVIOUS is the only history                 B   previous_is_the_only_history
Secrets
    To be deleted: refuses                          B   a_secret_that_is_to_be_deleted_refuses
    The window is 7 to 30 days                      B   the_window_is_seven_to_thirty_days
    The name stays taken                            B   its_name_stays_taken_until_the_window_is_over
    Managed by another: refuses                     B   a_secret_that_another_manages_refuses_changes
    No Lambda, no native rotation                   B   without_a_function_there_is_no_native_rotation
    Native rotation: a label before a value         B   a_native_rotation_begins_with_a_label_and_no_value
    One native rotation at a time                   B   a_second_native_rotation_is_refused_while_one_is_underway
    A new version abandons it                       D   another_new_version_abandons_the_native_rotation
    Its KMS key can be denied                       D   the_key_can_be_denied
Copies
    A copy is read-only                             D   a_copy_is_read_only
    A copy follows late                             B   a_copy_follows_at_once_or_after_the_lag
    InSync says a copy exists, not which            A   in_sync_can_be_a_lie
    A secret with copies cannot be deleted          B   a_secret_with_copies_cannot_be_deleted
    A name that is taken there fails                B   a_name_that_is_taken_there_fails
Rules
    Only asked for it hears reading calls           D   a_rule_that_is_only_enabled_hears_no_reads
    What is absent matches only its absence         D   what_is_absent_is_not_anything_but_something
    One value of an array is enough                 D   one_value_of_an_array_is_enough
    Alternatives add to what is beside them         D   alternatives_add_to_the_fields_beside_them
    Large patterns and empty arrays are refused     D   patterns_that_eventbridge_refuses
Trails
    A new trail does not log                        D   a_new_trail_logs_only_once_it_is_started
    Unless told, all management events              D   a_trail_logs_all_management_events_unless_told
    By name at home, by ARN from elsewhere          D   elsewhere_a_trail_is_known_by_its_arn
    Changed at home alone                           D   a_trail_is_changed_at_home
    The organisation's: seen, not changed           D   the_organisations_trail_is_seen_and_not_changed
Topics
    EventBridge meets no condition                  D   eventbridge_meets_no_condition
    CloudWatch tells its account                    D   cloudwatch_tells_its_account
    An encrypted topic needs its key too            D   an_encrypted_topic_needs_its_key_too
Every answer
    Carries the server's date                       R   every_answer_carries_the_servers_date
"""

from providers.aws.testing.control import OrderRefused, StrictControl, spawn_strict_aws
from providers.aws.testing.settings import ADMIN, Credential

__all__ = ["ADMIN", "Credential", "OrderRefused", "StrictControl", "spawn_strict_aws"]
