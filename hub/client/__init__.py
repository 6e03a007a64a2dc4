"""How satellites reach the hub (``hub.contracts.hub_client``)."""
