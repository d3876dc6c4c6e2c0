<?php // php -d display_errors=0 -S 127.0.0.1:3004 reserve.php
$message = json_decode(file_get_contents('php://input'), true, flags: JSON_THROW_ON_ERROR);
$order = $message['payload']['order']['current'];
$parameters = array_column($message['parameters'], 'value', 'name');
$reservation = ['order' => $order['number'], 'skus' => array_column($order['lines'], 'sku')];

header('content-type: application/json');
echo json_encode([
    'message_id' => $message['message_id'],
    'messages' => [['message' => 'stock:reserved', 'payload' => ['reservation' => $reservation]]],
    'parameters' => ['reserved' => ($parameters['reserved'] ?? 0) + count($order['lines'])],
]);
