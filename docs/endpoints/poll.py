# python3 poll.py 3006 orders.csv
import csv, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def poll(parameters):
    read, most = parameters.get("read", ["", ""]), parameters.get("most", 100)
    with open(sys.argv[2], newline="") as file:
        orders = sorted(csv.DictReader(file), key=lambda order: [order["changed"], order["number"]])
    left = [order for order in orders if [order["changed"], order["number"]] > read]
    for order in left[:most]:
        read = [order["changed"], order["number"]]
    return 206 if len(left) > most else 200, {"orders": left[:most], "parameters": {"read": read}}

class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, answer = poll({one["name"]: one["value"] for one in message["parameters"]})
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Endpoint).serve_forever()
