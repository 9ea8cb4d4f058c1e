"""PostgreSQL: login roles, replaced through functions that a database administrator installs."""
