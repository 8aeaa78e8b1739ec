"""The routes under `/api/v1`, one module per resource. Each route checks its request and calls the service."""
