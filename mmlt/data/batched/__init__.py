"""Random image transforms of a whole batch, with the law of the framework's.  B images, C x H x W pixels, P draws.

Each class is built from the framework's transform, takes images (B, C, H, W) and ``draws`` uniform numbers in [0, 1) an
image, (B, draws) on the host, so that no decision waits for the images' device, and returns images. Which image gets
which number is up to the caller: see :func:`uniforms`. With ``pad_val`` the images are maps (B, 1, H, W) that follow
images with the same draws; those of ``follows=False`` cannot.
"""
from .draws import uniforms
from .pipeline import apply, compile_transforms, count

__all__ = ['apply', 'compile_transforms', 'count', 'uniforms']
