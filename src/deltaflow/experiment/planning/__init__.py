"""What identifies and describes a run before it trains: its plan, identity and origin."""
