"""How good an embedder is: verification, identification, robustness and fairness, each figure with its interval."""
