"""What SageMaker, its toolkit and Multi Model Server (MMS) need; segments no image itself."""
