"""The same fold over a recorded ledger: does every decision come out byte for byte?"""
