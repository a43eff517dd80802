"""Every side effect, one package for each service; what stands here serves several of them."""
