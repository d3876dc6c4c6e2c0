# python3 reserve.py 3002
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def reserve(message):
    order = message["payload"]["order"]["current"]
    parameters = {one["name"]: one["value"] for one in message["parameters"]}
    reservation = {"order": order["number"], "skus": [line["sku"] for line in order["lines"]]}
    return {"message_id": message["message_id"],
            "messages": [{"message": "stock:reserved", "payload": {"reservation": reservation}}],
            "parameters": {"reserved": parameters.get("reserved", 0) + len(order["lines"])}}

class Endpoint(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = json.dumps(reserve(json.loads(body)))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(answer.encode())

ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Endpoint).serve_forever()
