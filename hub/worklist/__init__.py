"""The modality worklist: which orders wait for images, under which accession number, and what became of them."""
