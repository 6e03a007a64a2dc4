"""HL7 FHIR R4 (4.0.1) as pure functions and tables: no store, no network, no clock.

``model`` decodes and validates, ``extract`` gives the rows of every search parameter, ``search`` reads a query,
``bundle`` takes Bundles apart and writes them, ``body`` edits JSON bytes without losing a digit, ``outcome`` and
``capability`` write what the standard asks a server to say of itself.
"""
