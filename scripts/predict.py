"""Say what the networks of a run predict of new rows."""

from deltaflow.__main__ import predict

if __name__ == "__main__":
    predict()
