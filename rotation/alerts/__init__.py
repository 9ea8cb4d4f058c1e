"""Alerts: what needs somebody. Sent once, repeated until acknowledged, resolved when it is over.

An alert is derived from the journal and is never a second truth. `edges` finds what happened in a
rotation's entries, `levels` what holds now, by what `status` concludes; `table` lists every event.
`outbox` stores what was sent to whom, and `delivery` sends it by `webhook` or `command`.
"""
