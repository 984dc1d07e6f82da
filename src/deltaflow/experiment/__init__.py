"""From a configuration to a result: objects are assembled, trained, judged and recorded."""
