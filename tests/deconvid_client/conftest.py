from tests.deconvid_client.bus_double import bus

__all__ = ["bus"]
