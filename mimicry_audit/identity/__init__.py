"""Identity consistency: who does a model say it is, and is that who it is? (ICE, Lee et al. 2025, arXiv 2501.12619.)"""
