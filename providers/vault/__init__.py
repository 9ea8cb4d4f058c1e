"""HashiCorp Vault: KV version 2 as a store, AppRole secret ids and static roles as issuers."""
