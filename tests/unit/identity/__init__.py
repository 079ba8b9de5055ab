"""Identity: key files, certificates, contexts."""
