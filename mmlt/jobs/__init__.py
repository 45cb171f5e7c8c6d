"""Many runs: what is finished, what shares a first stage, which process runs what."""
__all__ = []
