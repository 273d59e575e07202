"""A network of its own for each server, so that a test can pull a plug: namespaces of the kernel, joined by a bridge."""

import os
import subprocess

import pytest


def ip(*words):
    done = subprocess.run(["ip", *map(str, words)], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(map(str, words))}: {done.stderr.strip()}")


class Network:
    """Hosts with an address each, all of which reach one another and are reached from here, until they are cut off."""

    count = 0

    def __init__(self):
        Network.count += 1
        self.name = f"ap{os.getpid() % 100000}{Network.count}"
        # A range that is set aside for tests of network devices (RFC 2544).
        self.prefix = f"198.{18 + Network.count % 2}.{os.getpid() % 256}"
        self.hosts = []
        try:
            ip("link", "add", self.name, "type", "bridge")
            ip("address", "add", f"{self.prefix}.254/24", "dev", self.name)
            ip("link", "set", self.name, "up")
        except OSError as error:
            self.remove()
            pytest.skip(f"no network namespaces here: {error}")

    def add_host(self):
        host = Host(self, len(self.hosts) + 1)
        self.hosts.append(host)
        host.plug_in()
        return host

    def remove(self):
        for host in self.hosts:
            host.remove()
        subprocess.run(["ip", "link", "delete", self.name], capture_output=True)


class Host:
    def __init__(self, network, number):
        self.network = network
        self.name = f"{network.name}-{number}"
        self.address = f"{network.prefix}.{number}"
        #: What runs a program there.
        self.runner = ["ip", "netns", "exec", self.name]

    def plug_in(self):
        ip("netns", "add", self.name)
        ip("link", "add", self.name, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", self.name, "master", self.network.name, "up")
        for words in (
            ["link", "set", "lo", "up"], ["address", "add", f"{self.address}/24", "dev", "eth0"], ["link", "set", "eth0", "up"]
        ):
            ip("-n", self.name, *words)

    def cut(self):
        """Nothing goes in or out from now on; connections do not notice."""
        ip("link", "set", self.name, "down")

    def mend(self):
        ip("link", "set", self.name, "up")

    def remove(self):
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True)
