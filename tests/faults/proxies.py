# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""nginx and HAProxy in front of a kgentd, as they come, but that they let nobody pass
to /fault/smuggled."""
import os
import shutil
import socket
import subprocess
import tempfile
import time

import kgent

NGINX = """
daemon off; worker_processes 1; pid %(folder)s/pid; error_log %(folder)s/error.log info;
events { worker_connections 256; }
http {
  access_log off;
  client_body_temp_path %(folder)s/t1; proxy_temp_path %(folder)s/t2; fastcgi_temp_path %(folder)s/t3;
  uwsgi_temp_path %(folder)s/t4; scgi_temp_path %(folder)s/t5;
  upstream kgent { server 127.0.0.1:%(to)d; keepalive 4; }
  server {
    listen 127.0.0.1:%(port)d;
    location ~ smuggled { return 403; }
    location / {
      proxy_pass http://kgent; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header X-API-Key $http_x_api_key; proxy_request_buffering off;
    }
  }
}
"""
HAPROXY = """
defaults
  mode http
  timeout connect 2s
  timeout client 5s
  timeout server 5s
frontend f
  bind 127.0.0.1:%(port)d
  http-request deny if { path -m sub smuggled }
  default_backend b
backend b
  http-reuse always
  server kgent 127.0.0.1:%(to)d
"""


def program(name):
    """The path of a proxy, which distributions put where users don't look."""
    return shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin")


class Proxy:
    def __init__(self, host):
        self.host, self.port = host, kgent.free_port()
        self.folder = tempfile.TemporaryDirectory(prefix="kgent-proxy-")
        os.chmod(self.folder.name, 0o755)
        self.file = os.path.join(self.folder.name, "conf")
        with open(self.file, "w", encoding="utf-8") as f:
            f.write(self.text % {"folder": self.folder.name, "to": host.port, "port": self.port})

    def __enter__(self):
        self.log = open(os.path.join(self.folder.name, "output"), "w+", encoding="utf-8")
        self.process = subprocess.Popen([program(self.program), *self.args()],
                                        stdout=self.log, stderr=self.log)
        end = time.monotonic() + 10
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                time.sleep(0.02)
        self.log.seek(0)
        raise RuntimeError(f"{self.name} does not serve:\n{self.log.read()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()
        self.folder.cleanup()


class Nginx(Proxy):
    name, text, program = "nginx", NGINX, "nginx"

    def args(self):
        return ["-c", self.file, "-p", self.folder.name]


class HAProxy(Proxy):
    name, text, program = "HAProxy", HAPROXY, "haproxy"

    def args(self):
        return ["-db", "-f", self.file]
