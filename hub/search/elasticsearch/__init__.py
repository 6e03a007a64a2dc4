"""The search index in Elasticsearch: made from the store alone, and thrown away without loss."""
