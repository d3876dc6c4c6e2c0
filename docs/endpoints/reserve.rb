# ruby reserve.rb 3003, after `gem install webrick` or, on Debian, `apt install ruby ruby-webrick`
require "json"
require "webrick"

def reserve(message)
  order = message["payload"]["order"]["current"]
  parameters = message["parameters"].to_h { |one| one.values_at("name", "value") }
  reservation = { order: order["number"], skus: order["lines"].map { |line| line["sku"] } }
  { message_id: message["message_id"],
    messages: [{ message: "stock:reserved", payload: { reservation: } }],
    parameters: { reserved: parameters.fetch("reserved", 0) + order["lines"].length } }
end

server = WEBrick::HTTPServer.new(BindAddress: "127.0.0.1", Port: ARGV.first)
server.mount_proc "/" do |request, response|
  response.body = JSON.generate(reserve(JSON.parse(request.body)))
  response.content_type = "application/json"
end
server.start
