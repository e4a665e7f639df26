// A charge point of the npm package ocpp-rpc in strict mode: it checks every message in both directions against schemas of
// its own. Usage: node client.js URL IDENTITY. It charges until it is told to stop, then prints what it saw as JSON.
'use strict';

const { RPCClient } = require('ocpp-rpc');

const [url, identity] = process.argv.slice(2);
const seen = { calls: [], answers: {}, violations: [] };
const configuration = { HeartbeatInterval: '300' };
const now = () => new Date().toISOString();

const client = new RPCClient({
    endpoint: url,
    identity,
    protocols: ['ocpp1.6'],
    strictMode: true,
    reconnect: false,
    callTimeoutMs: 10000,
});
client.on('strictValidationFailure', (event) => seen.violations.push(String(event.error)));
client.on('badMessage', (event) => seen.violations.push(String(event.error)));

async function ask(action, payload) {
    seen.answers[action] = await client.call(action, payload);
    return seen.answers[action];
}

let stop;
const stopped = new Promise((resolve) => { stop = resolve; });
let transactionId;

function handle(action, answer) {
    client.handle(action, ({ params }) => {
        seen.calls.push([action, params]);
        return answer(params);
    });
}

handle('GetConfiguration', ({ key = Object.keys(configuration) }) => ({
    configurationKey: key.filter((k) => k in configuration).map((k) => ({ key: k, readonly: false, value: configuration[k] })),
    unknownKey: key.filter((k) => !(k in configuration)),
}));
handle('ChangeConfiguration', ({ key, value }) => {
    configuration[key] = value;
    return { status: 'Accepted' };
});
handle('SetChargingProfile', () => ({ status: 'Accepted' }));
handle('TriggerMessage', ({ requestedMessage }) => {
    setImmediate(() => ask(requestedMessage, {}));
    return { status: 'Accepted' };
});
handle('RemoteStopTransaction', ({ transactionId: wanted }) => {
    const status = wanted === transactionId ? 'Accepted' : 'Rejected';
    if (status === 'Accepted') setImmediate(stop);
    return { status };
});

async function main() {
    await client.connect();
    await ask('BootNotification', { chargePointVendor: 'other', chargePointModel: 'ocpp-rpc' });
    const status = (state) => ask('StatusNotification', { connectorId: 1, errorCode: 'NoError', status: state });
    await status('Preparing');
    await ask('Authorize', { idTag: 'TAG1' });
    const start = await ask('StartTransaction', { connectorId: 1, idTag: 'TAG1', meterStart: 100, timestamp: now() });
    transactionId = start.transactionId;
    await status('Charging');
    for (let beat = 0; beat < 3; beat += 1) await ask('Heartbeat', {});
    const sampledValue = [{ value: '1100.5', measurand: 'Energy.Active.Import.Register', unit: 'Wh' }];
    await ask('MeterValues', { connectorId: 1, transactionId, meterValue: [{ timestamp: now(), sampledValue }] });
    await ask('DataTransfer', { vendorId: 'other', data: 'é' });
    await stopped;
    await ask('StopTransaction', { transactionId, meterStop: 2100, timestamp: now(), reason: 'Remote', idTag: 'TAG1' });
    await status('Available');
    await client.close();
    console.log(JSON.stringify(seen));
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
