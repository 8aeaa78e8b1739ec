"""The routes under `/api/v1`, a file for each thing they are about. Each checks what it is asked, and calls the service."""
