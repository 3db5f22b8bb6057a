"""An AWS that runs: EventBridge, Step Functions, DynamoDB, S3, SQS, and Batch jobs as local processes."""
